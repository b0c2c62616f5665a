// SPDX-License-Identifier: Apache-2.0
// Makes the calls that it reads from its input: {key, host, options, calls: [[method, message], …]}.
const { text } = require('node:stream/consumers')
const Analytics = require('@rudderstack/rudder-sdk-node')

async function main() {
  const { key, host, options, calls } = JSON.parse(await text(process.stdin))
  const errors = []
  const analytics = new Analytics(key, { dataPlaneUrl: host, flushInterval: 50, logLevel: 'error', ...options,
    errorHandler: (error) => errors.push(String(error)) })
  const delivered = calls.map(([method, message]) => new Promise((done) => {
    if (typeof message.timestamp === 'string') message.timestamp = new Date(message.timestamp)
    analytics[method](message, done)
  }))
  await Promise.all(delivered)
  console.log(JSON.stringify({ errors }))
}

main()

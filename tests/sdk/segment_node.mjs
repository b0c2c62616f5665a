// SPDX-License-Identifier: Apache-2.0
// Makes the calls that it reads from its input: {key, host, options, calls: [[method, message], …]}.
import { text } from 'node:stream/consumers'
import { Analytics } from '@segment/analytics-node'

const { key, host, options, calls } = JSON.parse(await text(process.stdin))
const analytics = new Analytics({ writeKey: key, host, ...options })
const errors = []
analytics.on('error', (error) => errors.push(String(error.reason ?? error)))
for (const [method, message] of calls) {
  if (typeof message.timestamp === 'string') message.timestamp = new Date(message.timestamp)
  analytics[method](message)
}
await analytics.closeAndFlush({ timeout: 120000 })
console.log(JSON.stringify({ errors }))

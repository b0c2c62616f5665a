// SPDX-License-Identifier: Apache-2.0
// Loaded before an SDK: whatever it asks for outside of this machine ends the process with status 9.
const dns = require('node:dns')
const net = require('node:net')

const local = new Set(['127.0.0.1', 'localhost'])

function check(host) {
  if (host === undefined || local.has(host)) return
  process.stderr.write(`only_local: asked for ${host}\n`)
  process.exit(9)
}

const lookup = dns.lookup
dns.lookup = (host, ...rest) => { check(host); return lookup(host, ...rest) }

const connect = net.Socket.prototype.connect
net.Socket.prototype.connect = function (...all) {
  const options = Array.isArray(all[0]) ? all[0][0] : all[0]
  if (options && typeof options === 'object') check(options.host)
  return connect.apply(this, all)
}

// SPDX-License-Identifier: Apache-2.0
// Validates the OpenAPI document that it reads from its input, references included; says what is wrong with it.
import { json } from 'node:stream/consumers'
import { Validator } from '@seriousme/openapi-schema-validator'

const validator = new Validator()
const { valid, errors } = await validator.validate(await json(process.stdin))
if (valid) validator.resolveRefs()
console.log(JSON.stringify({ valid, errors, version: validator.version }))

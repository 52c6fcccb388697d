// Checks of a JavaScript client: async functions, each with a deadline, and one total at the end.
//
// A folder's checks.js adds them with `check(name, function)` and ends with `main()`. Its arguments: HOST:PORT [NAME].
'use strict'

const { randomUUID } = require('node:crypto')
const assert = require('node:assert/strict')

const [BOOTSTRAP, ONLY = ''] = process.argv.slice(2)
const DEADLINE_MS = 45_000
const RUN = randomUUID().slice(0, 8)
const checks = []

const check = (name, call) => checks.push({ name, call })
const aName = prefix => `${prefix}-${RUN}-${randomUUID().slice(0, 8)}`
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function until(what, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; !(await what()); await sleep(50)) assert(Date.now() < end, `it did not happen in time: ${what}`)
}

// The call fails, and its error, or one that caused it, holds this type or text.
async function raises(expected, call) {
  let raised
  try {
    await call()
  } catch (error) {
    raised = error
  }
  assert(raised, `no ${expected}`)
  const told = []
  for (const errors = [raised]; errors.length > 0;) {
    const error = errors.shift()
    told.push(`${error.name} ${error.type ?? ''} ${error.code ?? ''} ${error.message}`)
    for (const of of [error.originalError, error.cause, error.error, ...(error.errors ?? []), ...(error.groups ?? []), ...(error.partitions ?? [])]) if (of) errors.push(of)
  }
  assert(told.some(each => each.includes(expected)), `${told.join(' < ')} instead of ${expected}`)
}

async function outcome(call) {
  let timer
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`no end after ${DEADLINE_MS} ms`)), DEADLINE_MS) })
  try {
    await Promise.race([call(), late])
  } catch (error) {
    return error.stack ?? String(error)
  } finally {
    clearTimeout(timer)
  }
}

async function main() {
  // A client that a check has left behind does not end the others.
  process.on('unhandledRejection', () => {})
  let passed = 0, failed = 0
  for (const { name, call } of checks.filter(each => each.name.includes(ONLY))) {
    const start = Date.now()
    const trouble = await outcome(call)
    if (trouble) {
      failed += 1
      console.log(`FAIL ${name}\n     | ${trouble.split('\n').slice(0, 12).join('\n     | ')}`)
    } else {
      passed += 1
      console.log(`ok   ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`)
    }
  }
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed > 0 || passed === 0 ? 1 : 0)
}

module.exports = { BOOTSTRAP, aName, check, main, raises, sleep, until }

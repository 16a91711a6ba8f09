// Reads cases, one JSON object a line, and writes what @cloud-copilot/iam-simulate decides of each, one JSON string a line: Allowed, ImplicitlyDenied,
// ExplicitlyDenied, or `error: …`.
//
// The simulator is AGPL-3.0-or-later. It is fetched for this test, run as a process of its own, and neither linked into nor shipped with the product.

import { readFileSync, writeFileSync } from 'node:fs'
import { createValidatedPolicy } from '@cloud-copilot/iam-policy'
import { runUnsafeSimulation } from '@cloud-copilot/iam-simulate'

// The key policy alone is to decide, so the caller's own account allows everything.
const identityPolicies = [
  { name: 'everything', policy: { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: 'kms:*', Resource: '*' } } }
]

function decide({ policy, request }) {
  try {
    // "Unsafe" is without the check which context keys suit the action: the cases carry what the request would.
    return runUnsafeSimulation(
      {
        request: {
          principal: request.principal,
          action: request.action,
          resource: { resource: request.resource, accountId: request.resource_account },
          contextVariables: request.context
        },
        identityPolicies,
        serviceControlPolicies: [],
        resourceControlPolicies: [],
        // With a name, which the unsafe run forgets to give and then asks for; without validation, since KMS keeps policies that the validation refuses.
        resourcePolicy: createValidatedPolicy(policy, () => [], { name: 'key policy' })
      },
      {}
    )
  } catch (error) {
    return `error: ${error.message}`
  }
}

const [cases, results] = process.argv.slice(2)
const lines = readFileSync(cases, 'utf8').split('\n').filter(Boolean)
writeFileSync(results, lines.map((line) => JSON.stringify(decide(JSON.parse(line))) + '\n').join(''))

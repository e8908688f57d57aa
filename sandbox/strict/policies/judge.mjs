// Judges calls by AWS's evaluation logic. Reads one JSON object a line, answers one a line; ends with its input.
//
//   {"principal": "" for an anonymous call, "action", "resource", "account", "context": {}, "identity": [policies],
//    "resource_policy": policy or null}
//   -> {"result": "Allowed" | "ExplicitlyDenied" | "ImplicitlyDenied", "by": ["identity" | "resource" | ...]}
//   -> {"error": why it could not be judged}

import { createInterface } from 'node:readline'
import { anonymousPrincipal, isWildcardOnlyAction, runSimulation } from '@cloud-copilot/iam-simulate'

const everything = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
const account = [{ orgIdentifier: 'account', policies: [{ name: 'FullAWSAccess', policy: everything }] }]

async function judge({ principal, action, resource, account: accountId, context, identity, resource_policy }) {
  const judged = (await isWildcardOnlyAction(...action.split(':'))) ? '*' : resource
  const answer = await runSimulation({
    request: {
      principal: principal || anonymousPrincipal,
      action,
      resource: { resource: judged, accountId },
      contextVariables: context,
    },
    identityPolicies: identity.map((policy, index) => ({ name: `policy ${index}`, policy })),
    serviceControlPolicies: principal ? account : [],
    resourceControlPolicies: [],
    resourcePolicy: resource_policy ?? undefined,
  }, {})
  if (answer.resultType === 'error') return { error: JSON.stringify(answer.errors) }
  const analyses = answer.resultType === 'single' ? [answer.result.analysis] : answer.results.map((r) => r.analysis)
  const denied = (part) => analyses.some((analysis) => analysis[part]?.denyStatements.length > 0)
  return {
    result: answer.overallResult,
    by: [denied('identityAnalysis') && 'identity', denied('resourceAnalysis') && 'resource'].filter(Boolean),
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await judge(JSON.parse(line)).catch((error) => ({ error: String(error) }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

// Reads a JSON list of simulations (Simulation of @cloud-copilot/iam-simulate), and prints the decisions as a JSON list:
// Allowed, ExplicitlyDenied, ImplicitlyDenied; or {"error": ...} for one that is no request of AWS', or has a broken policy.
import { readFileSync } from 'node:fs'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const decisions = []
for (const simulation of JSON.parse(readFileSync(0, 'utf8'))) {
  const found = await runSimulation(simulation, {})
  decisions.push(found.resultType === 'error' ? { error: found.errors } : found.overallResult)
}
process.stdout.write(JSON.stringify(decisions))

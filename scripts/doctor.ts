// What is installed, configured and reachable, each miss with its fix. Exit 1 only when something that the server needs is missing.
import { dirname } from 'node:path';
import { type Finding, report } from './doctor/findings.ts';
import * as machine from './doctor/machine.ts';
import { settings } from './doctor/settings.ts';

async function examine(root: string): Promise<Finding[]> {
  const packages = machine.packages(root);
  const findings = [machine.node(), packages, ...(await machine.ffmpeg())];
  if (packages.state === 'ok') findings.push(machine.worker(root), machine.page(root), ...(await settings(process.env)));
  return [...findings, ...machine.forTests()];
}

const findings = await examine(dirname(import.meta.dirname));
const lacking = findings.filter(({ state }) => state === 'missing');
console.log(report(findings));
console.log(lacking.length === 0 ? '\nReady: npm start' : `\nNeeded: ${lacking.map(({ name }) => name).join(', ')}`);
process.exitCode = lacking.length === 0 ? 0 : 1;

/** Example workspaces: small posteriors that are made in seconds and show what the analyses are for. */
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { exampleNames, type ExampleName, type ExampleRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { makeFolder } from '../weights/atomicWrite.ts';
import { digitsExample } from './exampleDigits.ts';
import { sineExample } from './exampleSine.ts';
import { twoNeuronsExample } from './exampleTwoNeurons.ts';

const examples: Readonly<Record<ExampleName, (request: ExampleRequest, context: JobContext) => Promise<Report>>> = { 'two-neurons': twoNeuronsExample, sine: sineExample, digits: digitsExample };

export async function example(request: ExampleRequest, context: JobContext): Promise<Report> {
  const name = exampleNames.find((known) => known === request.name);
  if (name === undefined) throw new UserError(`there is no example "${request.name}"; the examples are ${exampleNames.join(', ')}`);
  // Before the training: that there can be no such folder should not be said after it.
  const takeAway = await makeFolder(request.out);
  try {
    return await examples[name](request, context);
  } catch (error) {
    await takeAway();
    throw error;
  }
}

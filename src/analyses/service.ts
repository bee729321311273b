/** The analyses under the names of the service, for whoever serves them: the analysis host and the command line. */
import type { JobContext, Method, RequestOf, ResultOf } from '../protocol/rpc.ts';
import { align } from './align.ts';
import { canonicalize } from './canonicalize.ts';
import { compare } from './compare.ts';
import { diff } from './diff.ts';
import { environment } from './environment.ts';
import { example } from './example.ts';
import { inspect } from './inspect.ts';
import { posterior } from './posterior.ts';
import { predict } from './predict.ts';
import { prepare } from './prepare.ts';
import { rank } from './rank.ts';
import { summarize } from './summarize.ts';
import { tensorDetail } from './tensorDetail.ts';

export type Analyses = { readonly [M in Method]: (request: RequestOf<M>, context: JobContext) => Promise<ResultOf<M>> };

export const analyses: Analyses = { inspect, diff, canonicalize, align, compare, rank, posterior, predict, example, summarize, tensorDetail, prepare, environment };

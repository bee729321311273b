/**
 * The analyses under the names of the service, for whoever serves them: analysis host, command line, programs. Each is loaded when it is
 * first asked, so that a hover does not wait for the code of a posterior.
 */
import type { JobContext, Method, RequestOf, ResultOf } from '../protocol/rpc.ts';

type Analysis<M extends Method> = (request: RequestOf<M>, context: JobContext) => Promise<ResultOf<M>>;
type Analyses = { readonly [M in Method]: Analysis<M> };

export const analyses: Analyses = {
  inspect: async (request, context) => (await import('./inspect.ts')).inspect(request, context),
  diff: async (request, context) => (await import('./diff.ts')).diff(request, context),
  canonicalize: async (request, context) => (await import('./canonicalize.ts')).canonicalize(request, context),
  align: async (request, context) => (await import('./align.ts')).align(request, context),
  compare: async (request, context) => (await import('./compare.ts')).compare(request, context),
  rank: async (request, context) => (await import('./rank.ts')).rank(request, context),
  posterior: async (request, context) => (await import('./posterior.ts')).posterior(request, context),
  predict: async (request, context) => (await import('./predict.ts')).predict(request, context),
  example: async (request, context) => (await import('./example.ts')).example(request, context),
  summarize: async (request) => (await import('./summarize.ts')).summarize(request),
  tensorDetail: async (request, context) => (await import('./tensorDetail.ts')).tensorDetail(request, context),
  environment: async (request, context) => (await import('./environment.ts')).environment(request, context),
};

/** The likelihoods, as a list to choose from. */
import type { Likelihood } from '../protocol/service.ts';
import { t } from '../protocol/words.ts';

export const likelihoodItems = (): readonly { readonly value: Likelihood; readonly label: string; readonly detail: string }[] => [
  { value: 'gaussian', label: t('Gaussian'), detail: t('Regression: outputs are means') },
  { value: 'categorical', label: t('Categorical'), detail: t('Classification: outputs are logits of a softmax') },
  { value: 'bernoulli', label: t('Bernoulli'), detail: t('Two classes: outputs are logits of a sigmoid') },
];

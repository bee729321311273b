/** What the methods are called in reports. */
import type { PredictionMethod } from '../protocol/service.ts';

export const methodNames: Readonly<Record<PredictionMethod | 'map', string>> = {
  map: 'mode ŵ', sampled: 'sampled Laplace', linearized: 'linearised Laplace', projected: 'projected Laplace', diffusion: 'Laplace diffusion', 'diffusion-image': 'diffusion, image part', 'diffusion-kernel': 'diffusion, kernel part', 'linearized-sampled': 'linearised Laplace, sampled',
  'last-layer': 'last-layer Laplace', 'bayesian-last-layer': 'Bayesian last layer',
  diagonal: 'diagonal Laplace', swag: 'SWAG', dropout: 'MC dropout', vi: 'mean-field VI', ensemble: 'ensemble', hmc: 'HMC',
};

export {
  Autoencoder,
  type AutoencoderOptions,
  autoencoder,
  VAE,
  type VAEOptions,
  type VAEResult,
  vae,
} from "./autoencoder.ts";
export { CharGpt, type CharGptInput, type CharGptOptions, charGpt } from "./char-gpt.ts";
export {
  Classifier,
  type ClassifierOptions,
  type FullyConnectedNetOptions,
  fullyConnectedNet,
  type ThreeLayerConvNetOptions,
  type TwoLayerNetOptions,
  threeLayerConvNet,
  twoLayerNet,
} from "./cs231n.ts";
export { Gan, type GanOptions, gan } from "./gan.ts";
export { type GenerateOptions, LanguageModel } from "./language.ts";
export {
  LSTMLanguageModel,
  type LSTMLanguageModelOptions,
  type LSTMLanguageModelResult,
  type LSTMLanguageModelState,
  lstmLanguageModel,
} from "./lstm-language-model.ts";
export type { PresetOptions } from "./options.ts";
export {
  BasicBlock,
  type BasicBlockOptions,
  type ResNetOptions,
  resNet,
  resNet18,
} from "./res-net.ts";

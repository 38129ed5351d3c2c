// Made by `just types` from crates/contract/src/raw.rs and wasm-client/src/contract.rs: change those.

/**
 * The answer to one input.
 */
export type AnswerData = {
/**
 * `log2` of the modulus.
 */
log2_modulus: number,
/**
 * The number of distinct slots.
 */
period: number,
/**
 * What values are multiplied by.
 */
scale: number,
/**
 * What a decrypted 1 means.
 */
unit: number,
/**
 * For each value of the result, its slot.
 */
slots: Array<number>, };

/**
 * An answer.
 */
export type AnswerForm = AnswerData | ProductsData | LabelData | ExactData;

/**
 * What an answer tells whom it is for.
 */
export type AnswerKind = "scores" | "features" | "label" | "label_with_lead";

/**
 * A box of the input's values and its place in the slots: the value at `from + (c, y, x)` goes to
 * slot `slot + strides . (c, y, x)`, modulo the number of slots of all ciphertexts.
 */
export type BoxData = {
/**
 * The first channel, row and column.
 */
from: [number, number, number],
/**
 * Channels, rows and columns.
 */
extent: [number, number, number],
/**
 * The slot of the first value.
 */
slot: number,
/**
 * The distance in slots between neighbouring channels, rows and columns.
 */
strides: [number, number, number], };

/**
 * A contract that nobody has checked yet. Its bytes are JSON: text is what people can read before
 * they agree to it.
 */
export type Contract = {
/**
 * [`VERSION`].
 */
blindsight_contract: number,
/**
 * The model's name in the protocol.
 */
id: string,
/**
 * Its name for people.
 */
title: string,
/**
 * Names of the classes, in the order of the answer's values; none where these are no scores but
 * features, as an encoder gives them.
 */
classes: Array<string>,
/**
 * How an input is prepared.
 */
input: InputData,
/**
 * The parameter set.
 */
scheme: SchemeData,
/**
 * The evaluation keys.
 */
keys: Array<KeyData>,
/**
 * How a request is packed and encrypted.
 */
request: RequestForm,
/**
 * How an answer is read.
 */
answer: AnswerForm,
/**
 * What the model will cost, as its compiler says: for people, never acted upon.
 */
forecast: Forecast, };

/**
 * What JavaScript is told of a model. Hashes are hexadecimal, lengths in bytes.
 */
export type Description = { id: string, title: string,
/**
 * What an answer tells.
 */
answer: AnswerKind,
/**
 * Names of the classes; none of an encoder.
 */
classes: Array<string>,
/**
 * How many features an encoder gives; none of a classifier.
 */
features: number | null,
/**
 * The most inputs of one request.
 */
inputs: number,
/**
 * SHA-256 of the contract.
 */
sha256: string,
/**
 * Names the parameter set.
 */
scheme: string,
/**
 * Changes whenever the same seed would give other keys.
 */
identity: string,
/**
 * Names the list of keys.
 */
keyList: string, keys: Array<KeyDescription>,
/**
 * The length of the manifest of all keys.
 */
manifestBytes: number, input: InputDescription, requestBytes: number, answerBytes: number, forecast: ForecastDescription, };

/**
 * The answer of a network of signs to one input: scores on the circle, docs/exact.md.
 */
export type ExactData = {
/**
 * The parameter set of request, keys and scores.
 */
exact: ExactSetData,
/**
 * How many scores.
 */
values: number,
/**
 * What once around the circle means.
 */
unit: number, };

/**
 * A parameter set of TFHE. Digits are `log2` of their base and their number.
 */
export type ExactSetData = {
/**
 * The dimension of the secret under which a bootstrap reads.
 */
lwe_dimension: number,
/**
 * `log2` of the degree of the secret under which it ends.
 */
log2_degree: number,
/**
 * `log2` of the bound of errors under the first.
 */
lwe_log2_error: number,
/**
 * `log2` of the bound of errors under the second.
 */
ring_log2_error: number,
/**
 * Digits of the accumulator in a blind rotation.
 */
bootstrap: [number, number],
/**
 * Digits of the key switch from the second secret to the first.
 */
key_switch: [number, number],
/**
 * Digits of the bridge from the secret of CKKS.
 */
bridge: [number, number], };

/**
 * What a compiler says that a model will cost.
 */
export type Forecast = {
/**
 * One request on the machine that the model was compiled for.
 */
seconds: number,
/**
 * The evaluator's memory for one client and one request, in bytes.
 */
memory_bytes: number,
/**
 * `log2` of the probability that a run fails by chance.
 */
log2_failure: number,
/**
 * The expected error of a score, root mean square.
 */
score_error: number, };

/**
 * What whoever compiled a model expects; nobody has checked that.
 */
export type ForecastDescription = { seconds: number, memoryBytes: number, log2Failure: number, scoreError: number, };

/**
 * The input that a model reads.
 */
export type InputData = {
/**
 * Channels, rows, columns.
 */
shape: [number, number, number],
/**
 * What becomes the input.
 */
preparation: PreparationData, };

/**
 * What a model reads.
 */
export type InputDescription = { kind: InputKind,
/**
 * Channels, rows, columns.
 */
shape: [number, number, number],
/**
 * Numbers lie between this and its negative.
 */
largest: number, };

/**
 * What becomes the input of a model.
 */
export type InputKind = "photo" | "grey" | "tensor";

/**
 * One evaluation key.
 */
export type KeyData = {
/**
 * What it switches.
 */
kind: KeyKindData,
/**
 * The exponent of its automorphism, 0 where there is none.
 */
exponent: number,
/**
 * Limbs of the chain.
 */
level: number,
/**
 * For each digit, the first limb after it.
 */
digits: Array<number>,
/**
 * Wide and narrow special primes.
 */
special: [number, number], };

/**
 * An evaluation key.
 */
export type KeyDescription = {
/**
 * SHA-256 of what the key is: the same key has the same name in every model of a scheme.
 */
name: string, bytes: number, };

/**
 * What a key switches.
 */
export type KeyKindData = "relinearisation" | "automorphism" | "dense_to_sparse" | "sparse_to_dense";

/**
 * An answer that holds the label of one input and nothing else, decided by TFHE: docs/exact.md.
 */
export type LabelData = {
/**
 * The parameter set of the keys that decide.
 */
exact: ExactSetData,
/**
 * By how much the label's score must lead all others, as a part of the bound of scores: if it does
 * not, the answer is that nobody is sure. Not said where the largest score is enough.
 */
lead?: number, };

/**
 * What becomes the input of a model.
 */
export type PreparationData = { "kind": "picture",
/**
 * One mean a channel.
 */
mean: Array<number>,
/**
 * One standard deviation a channel.
 */
deviation: Array<number>, } | { "kind": "tensor", };

/**
 * The answer to all inputs of a request: each value is a ciphertext of several parts, whose slots
 * are the inputs.
 */
export type ProductsData = {
/**
 * Values of a result, and so ciphertexts.
 */
values: number,
/**
 * Parts of a ciphertext.
 */
parts: number,
/**
 * Limbs.
 */
level: number,
/**
 * What values are multiplied by.
 */
scale: number,
/**
 * What a decrypted 1 means.
 */
unit: number, };

/**
 * A request: the slots of one ciphertext or more, one after another, which hold one input or more.
 */
export type RequestData = {
/**
 * Limbs.
 */
level: number,
/**
 * What values are multiplied by.
 */
scale: number,
/**
 * Ciphertexts.
 */
ciphertexts?: number,
/**
 * The most inputs that one request holds: each stands one slot after the one before.
 */
inputs?: number,
/**
 * Where the values of the (first) input go.
 */
slots: Array<BoxData>, };

/**
 * A request.
 */
export type RequestForm = RequestData | SignsData;

/**
 * A parameter set.
 */
export type SchemeData = {
/**
 * `log2` of the ring degree.
 */
log2_degree: number,
/**
 * The modulus chain, bottom first.
 */
chain: Array<number>,
/**
 * Special primes of 31 bits or more.
 */
wide_special: Array<number>,
/**
 * Special primes below `2^31`.
 */
narrow_special: Array<number>,
/**
 * The weight of the sparse secret, where there is one.
 */
sparse_weight: number | null, };

/**
 * A request to a network of signs: of every value of the input, whether it is positive. They are the
 * coefficients of one ring sample under the parameter set of the answer.
 */
export type SignsData = {
/**
 * How many: as many as the input has values.
 */
signs: number, };

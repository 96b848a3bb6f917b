// Runs ONNX files with onnxruntime-web, the engine of browsers, compiled to WebAssembly.
//
//   node run.mjs FOLDER < jobs.json > results.json
//
// FOLDER holds node_modules. Jobs are a list of {file, steps}: each step gives inputs by name as {dtype, dims, data};
// an input that a step leaves out is the output that goes with it, of the step before (hidden: next_hidden). The
// results are a list for each job, with the outputs of each step by name in the same form.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const entry = createRequire(`${folder}/`).resolve("onnxruntime-web/wasm");
const ort = await import(pathToFileURL(entry.replace(/\.js$/, ".mjs")));
ort.env.wasm.numThreads = 1;

const ARRAYS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
};

function toTensor({ dtype, dims, data }) {
  const numbers = dtype === "int64" ? data.map(BigInt) : data;
  return new ort.Tensor(dtype, ARRAYS[dtype].from(numbers), dims);
}

function fromTensor({ type, dims, data }) {
  return { dtype: type, dims: [...dims], data: Array.from(data, Number) };
}

async function runJob({ file, steps }) {
  const session = await ort.InferenceSession.create(readFileSync(file), { executionProviders: ["wasm"] });
  const results = [];
  let before = {};
  for (const step of steps) {
    const inputs = {};
    for (const name of session.inputNames) {
      inputs[name] = name in step ? toTensor(step[name]) : before[`next_${name}`];
    }
    before = await session.run(inputs);
    results.push(Object.fromEntries(session.outputNames.map((name) => [name, fromTensor(before[name])])));
  }
  return results;
}

const results = [];
for (const job of JSON.parse(readFileSync(0, "utf-8"))) {
  results.push(await runJob(job));
}
process.stdout.write(JSON.stringify(results));

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { Tensor } from "@tapegrad/core";
import {
  decodeTorch,
  decodeTorchStateDict,
  FormatError,
  loadTorch,
  loadTorchStateDict,
} from "@tapegrad/data";
import { unzipSync, zipSync } from "fflate";
import { fuzz } from "./fuzz.ts";

const path = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const fixture = async (name: string) => new Uint8Array(await readFile(path(name)));

/** An archive as torch.save makes it, of this pickle and these storages. */
function archive(pickle: string, storages: Record<string, Uint8Array> = {}): Uint8Array {
  const latin1 = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
  const data = Object.fromEntries(Object.entries(storages).map(([k, v]) => [`a/data/${k}`, v]));
  return zipSync({ "a/data.pkl": latin1(pickle), ...data }, { level: 0 });
}

const short = (text: string) => `X${String.fromCharCode(text.length)}\0\0\0${text}`;
/** A tensor of a float storage "0": size of the storage, then offset, shape, strides as opcodes. */
const view = (size: string, offset: string, shape: string, strides: string) =>
  `ctorch._utils\n_rebuild_tensor_v2\n((${short("storage")}ctorch\nFloatStorage\n${short("0")}${short("cpu")}${size}tQ${offset}(${shape}t(${strides}t\x89ccollections\nOrderedDict\n)RtR`;
const whole = (n: number) => `J${String.fromCharCode(n & 255, (n >> 8) & 255, (n >> 16) & 255, (n >> 24) & 255)}`; // biome-ignore format: one line

describe("state dicts", () => {
  it("of every dtype, as PyTorch wrote them", async () => {
    const state = decodeTorchStateDict(await fixture("state.pt"), "state.pt");
    const seen = [...state].map(([name, x]) => [name, x.dtype, x.toArray()]);
    const rows = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]; // biome-ignore format: a matrix
    expect(seen).toEqual([
      ["w", "float32", rows],
      ["wt", "float32", [0, 1, 2, 3].map((c) => rows.map((row) => row[c]))],
      ["row", "float32", rows[1]],
      ["spread", "float32", [[11, 11, 11], [11, 11, 11]]], // biome-ignore format: a matrix
      ["p", "float32", [1.5, -2.5]],
      ["half", "float32", [1.5, 65504, 2 ** -24]],
      ["bf", "float32", [1.5, 3.140625]],
      ["i64", "int32", [1, -(2 ** 31), 2 ** 31 - 1]],
      ["i32", "int32", [7]],
      ["i16", "int32", [-3]],
      ["i8", "int32", [-4]],
      ["u8", "uint8", [200]],
      ["b", "bool", [true, false]],
      ["f64", "float64", [1 / 3]],
      ["scalar", "int32", 3],
      ["empty", "float32", []],
    ]);
    expect(state.get("empty")!.shape).toEqual([0, 3]);
    expect(state.get("p")!.requiresGrad).toBe(false);
  });

  it("whose tensors share memory share it here", async () => {
    const state = decodeTorchStateDict(await fixture("state.pt"));
    state.get("w")!.fill_(5);
    expect(state.get("row")!.toArray()).toEqual([5, 5, 5, 5]);
    expect(state.get("p")!.toArray()).toEqual([1.5, -2.5]);
  });

  it("inside checkpoints are named by a key", async () => {
    const bytes = await fixture("checkpoint.pt");
    const state = decodeTorchStateDict(bytes, "c.pt", { key: "state_dict" });
    expect([...state].map(([name, x]) => [name, x.shape])).toEqual([
      ["0.weight", [2, 3]],
      ["0.bias", [2]],
      ["1.weight", [2]],
      ["1.bias", [2]],
      ["1.running_mean", [2]],
      ["1.running_var", [2]],
      ["1.num_batches_tracked", []],
    ]);
    expect(() => decodeTorchStateDict(bytes, "c.pt")).toThrow(
      'decodeTorchStateDict: c.pt: the whole is no state dict, names with a tensor each; it holds some under "state_dict": name one as the option key.',
    );
    expect(() => decodeTorchStateDict(bytes, "c.pt", { key: "optimizer.state" })).toThrow(
      'decodeTorchStateDict: c.pt: "optimizer.state" is no state dict',
    );
    expect(await loadTorchStateDict(path("checkpoint.pt"), { key: "state_dict" })).toHaveProperty(
      "size",
      7,
    );
  });

  it("and everything else in a checkpoint", async () => {
    const root = (await loadTorch(path("checkpoint.pt"))) as Map<string, unknown>;
    expect(root.get("epoch")).toBe(3);
    expect(root.get("neg")).toBe(-5);
    expect(root.get("big")).toBe(2n ** 70n);
    expect(root.get("name")).toBe("a");
    expect(root.get("list")).toEqual([0.1, null, true, [1, 2]]);
    const optimizer = root.get("optimizer") as Map<string, Map<number, Map<string, Tensor>>>;
    expect(optimizer.get("state")!.get(0)!.get("exp_avg")).toBeInstanceOf(Tensor);
  });
});

describe("files that are something else", () => {
  it("get an error that names what it is", async () => {
    expect(() => decodeTorch(new Uint8Array(3), "f")).toThrow(
      "decodeTorch: f: it is no ZIP archive, as files of torch.save are.",
    );
    await expect(loadTorch(path("legacy.pt"))).rejects.toThrow(
      `decodeTorch: ${path("legacy.pt")}: it has the format of PyTorch before 1.6; load it there and save it again with torch.save.`,
    );
    await expect(loadTorch(path("module.pt"))).rejects.toThrow(
      "it needs torch.nn.modules.container.Sequential, which is no part of a state dict, and nothing of a file is ever executed; save model.state_dict() instead of the model.",
    );
    await expect(loadTorch(path("arrays.npz"))).rejects.toThrow(
      "its deflated entries unpack to more than 0 bytes",
    );
    await expect(loadTorch(path("large.pt"))).rejects.toThrow(
      "large/data/0: element 1 is 1099511627776; tensors hold whole numbers from -2^31 to 2^31 - 1.",
    );
    expect(() => decodeTorch(zipSync({ a: new Uint8Array(1) }, { level: 0 }), "f")).toThrow(
      "decodeTorch: f: it holds no data.pkl; is it of torch.save?",
    );
  });
});

describe("hostile files", () => {
  const four = { "0": new Uint8Array(16) };
  it("can't name anything that would run", () => {
    for (const [module, name] of [
      ["os", "system"],
      ["builtins", "eval"],
      ["posix", "system"],
    ]) {
      // biome-ignore format: one line
      const pickle = `\x80\x02c${module}\n${name}\n(${short("echo")}tR.`;
      expect(() => decodeTorch(archive(pickle), "f")).toThrow(
        `decodeTorch: f: it needs ${module}.${name}, which is no part of a state dict`,
      );
    }
  });

  it.each([
    ["an end too early", "\x80\x02(", "f: its pickle is damaged or no state dict: it ends at byte 3."],
    ["no value", "\x80\x02.", "its stack is empty."],
    ["more than a value", "\x80\x02NN.", "it goes on after its end."],
    ["bytes behind", "\x80\x02N.N", "it goes on after its end."],
    ["another opcode", "\x80\x02i", 'byte 2 is the opcode "i", which no state dict needs.'],
    ["an inherited opcode", "\x80\x02_", 'byte 2 is the opcode "_", which no state dict needs.'],
    ["another protocol", "\x80\x09N.", "its protocol is 9; known are 2 to 5."],
    ["a long text", "\x80\x02X\xff\xff\xff\xffab.", "it ends at byte 10."],
    ["no text", "\x80\x02X\x01\0\0\0\xff.", "the text at byte 7 is no UTF-8."],
    ["no memo", "\x80\x02h\x05.", "it refers to a value 5 that there isn't."],
    ["no mark", "\x80\x02Nt.", "a mark is missing."],
    ["a mark as a value", "\x80\x02(.", "its stack is empty."],
    ["items of a list", "\x80\x02]NNs.", "it sets items of something that is no dictionary."],
    ["parts of a tuple", "\x80\x02)Na.", "it appends to something that is no list."],
    ["a call of a number", "\x80\x02K\x01)R.", "it calls something that is no function."],
    ["a call of a class of storages", "\x80\x02ctorch\nFloatStorage\n)R.", "it calls something that is no function."],
    ["a state of a number", "\x80\x02K\x01Nb.", "it sets the state of something that has none."],
    ["another reference", "\x80\x02K\x01Q.", "it refers to a storage in a way that torch.save doesn't."],
    ["an odd dictionary", "\x80\x02ccollections\nOrderedDict\n(K\x01tR.", "an OrderedDict is made of something else than pairs."],
    ["a parameter of nothing", "\x80\x02ctorch._utils\n_rebuild_parameter\n)R.", "a parameter holds no tensor."],
    ["a storage of another size", `\x80\x02${view("K\x05", "K\0", "K\x04", "K\x01")}.`, "a/data/0 has 16 bytes; 5 elements of FloatStorage need 20."],
    ["a view past its storage", `\x80\x02${view("K\x04", "K\x01", "K\x04", "K\x01")}.`, "a tensor of shape [4] with strides [1] from 1 doesn't fit its storage of 4 elements."],
    ["a view that grows", `\x80\x02${view("K\x04", "K\0", whole(2 ** 30), "K\0")}.`, "doesn't fit its storage of 4 elements."],
    ["a shape beyond numbers", `\x80\x02${view("K\x04", "K\0", `${whole(2 ** 30).repeat(40)}K\0`, "K\x01".repeat(41))}.`, "a tensor's storage, shape or strides make no sense."],
    ["negative strides", `\x80\x02${view("K\x04", "K\x03", "K\x04", whole(-1))}.`, "a tensor's storage, shape or strides make no sense."],
    ["a missing storage", `\x80\x02${view("K\x04", "K\0", "K\x04", "K\x01").replace(short("0"), short("7"))}.`, "it refers to a/data/7, which isn't in it."],
  ])("with %s", (_, pickle, message) => {
    expect(() => decodeTorch(archive(pickle, four), "f")).toThrow(message);
    expect(() => decodeTorch(archive(pickle, four), "f")).toThrow(FormatError);
  }); // biome-ignore format: a table

  it("that are cut, doubled, changed: clean errors only", async () => {
    const good = await fixture("state.pt");
    // Without checksums in the way, so that changes reach the pickle.
    const parts = unzipSync(good);
    const pickle = parts["state/data.pkl"];
    const rest = Object.fromEntries(
      Object.entries(parts).filter(([name]) => name !== "state/data.pkl"),
    );
    await fuzz(good, (bytes) => decodeTorch(bytes), { numRuns: 300 });
    await fuzz(
      pickle,
      (bytes) => decodeTorch(zipSync({ ...rest, "state/data.pkl": bytes }, { level: 0 })),
      { numRuns: 500 },
    );
  });
});

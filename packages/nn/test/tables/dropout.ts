import {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  featureAlphaDropout,
} from "../../src/index.ts";
import { type Table, wave } from "./case.ts";

const wrong = "it must be a probability from 0 to 1.";

export const drop: Table = {
  dropout: {
    make: () => dropout(0.4),
    inputs: [[4, 5]],
    random: true,
    refuses: [[() => dropout(1.5), `dropout: p is 1.5; ${wrong}`]],
  },
  dropout1d: {
    make: () => dropout1d(),
    inputs: [[3, 4, 2]],
    random: true,
    refuses: [[() => dropout1d(-1), `dropout1d: p is -1; ${wrong}`]],
  },
  dropout2d: {
    make: () => dropout2d(0.4),
    inputs: [[3, 4, 1, 2]],
    random: true,
    refuses: [
      [
        () => dropout2d()(wave([3, 4])),
        "dropout2d: x is [3, 4]; it must be [N, C, H, W], or [C, H, W] for one image.",
      ],
    ],
  },
  dropout3d: {
    make: () => dropout3d(0.4),
    inputs: [[6, 1, 1, 2]],
    random: true,
    refuses: [[() => dropout3d(NaN), `dropout3d: p is NaN; ${wrong}`]],
  },
  alphaDropout: {
    make: () => alphaDropout(0.4),
    inputs: [[4, 5]],
    random: true,
    refuses: [[() => alphaDropout("0.5" as never), `alphaDropout: p is "0.5"; ${wrong}`]],
  },
  featureAlphaDropout: {
    make: () => featureAlphaDropout(0.4),
    inputs: [[3, 4, 2]],
    random: true,
    refuses: [
      [
        () => featureAlphaDropout()(wave([3])),
        "featureAlphaDropout: x is [3]; it must be [N, C, …].",
      ],
    ],
  },
};

import type { Theme } from "vitepress";
import DefaultTheme from "vitepress/theme-without-fonts";
import "katex/dist/katex.min.css";
import BenchmarkTables from "./BenchmarkTables.vue";
import CircuitPlayer from "./CircuitPlayer.vue";
import CodePlayground from "./CodePlayground.vue";
import DigitsDemo from "./DigitsDemo.vue";
import LiveCell from "./LiveCell.vue";
import "./style.css";

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component("CircuitPlayer", CircuitPlayer);
    app.component("LiveCell", LiveCell);
    app.component("CodePlayground", CodePlayground);
    app.component("DigitsDemo", DigitsDemo);
    app.component("BenchmarkTables", BenchmarkTables);
  },
} satisfies Theme;

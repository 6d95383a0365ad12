/** The editor of live cells, loaded when one comes into view. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorState, Prec, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface Editor {
  code: string;
  /** Marks a line, counted from 1, as that of an error; null marks none. */
  mark(line: number | null): void;
  focus(): void;
  destroy(): void;
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "var(--cell-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp], color: "var(--cell-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--cell-number)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.propertyName)],
    color: "var(--cell-function)",
  },
  { tag: [tags.typeName, tags.className], color: "var(--cell-type)" },
  { tag: tags.comment, color: "var(--cell-comment)" },
]);

const setMark = StateEffect.define<number | null>();
const marked = StateField.define({
  create: () => Decoration.none,
  update(now, transaction) {
    let next = transaction.docChanged ? Decoration.none : now;
    for (const effect of transaction.effects) {
      if (!effect.is(setMark)) continue;
      const { value: line } = effect;
      next =
        line === null || line > transaction.state.doc.lines
          ? Decoration.none
          : Decoration.set(
              Decoration.line({ class: "wrong-line" }).range(transaction.state.doc.line(line).from),
            );
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

export function createEditor(
  parent: HTMLElement,
  code: string,
  { label, onRun, onChange }: { label: string; onRun(): void; onChange(): void },
): Editor {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: code,
      extensions: [
        Prec.highest(
          keymap.of(
            ["Mod-Enter", "Shift-Enter"].map((key) => ({
              key,
              run: () => {
                onRun();
                return true;
              },
            })),
          ),
        ),
        lineNumbers(),
        history(),
        bracketMatching(),
        indentOnInput(),
        indentUnit.of("  "),
        javascript({ typescript: true }),
        syntaxHighlighting(colours),
        // Escape, then Tab, leaves the editor: CodeMirror's way for those without a mouse.
        keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
        marked,
        EditorView.contentAttributes.of({ "aria-label": label, autocapitalize: "off" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange();
        }),
      ],
    }),
  });
  return {
    get code() {
      return view.state.doc.toString();
    },
    set code(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    mark(line) {
      view.dispatch({ effects: setMark.of(line) });
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

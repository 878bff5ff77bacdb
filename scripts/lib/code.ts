/** @file What the compiler's parser sees in a source file: casts, and how long its functions are. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

export interface Seen {
  readonly file: string;
  /** `x as T`, but for `as const`. */
  readonly casts: number;
  /** Functions with a body, the lines of each: from its name to its last brace. */
  readonly functions: readonly { readonly name: string; readonly line: number; readonly lines: number }[];
}

export function look(file: string): Seen {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const lineOf = (at: number): number => source.getLineAndCharacterOfPosition(at).line + 1;
  let casts = 0;
  const functions: { name: string; line: number; lines: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) casts++;
    if (ts.isFunctionLike(node) && 'body' in node && node.body) {
      const line = lineOf(node.getStart(source));
      functions.push({ name: nameOf(node), line, lines: lineOf(node.end) - line + 1 });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { file, casts, functions };
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name) return node.name.getText();
  const { parent } = node;
  return ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent)
    ? parent.name.getText()
    : 'a function';
}

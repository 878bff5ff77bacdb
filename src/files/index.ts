/** @file Atomic writes of files and folders, one writer at a time. */

export { type NewFile, replaceFiles, settle } from './commit.ts';
export { isHiddenName } from './lock.ts';
export { isOurPath } from './ours.ts';
export { keepInputs, type Out, type OutOptions, withOut } from './out.ts';
export { pidEnded } from './owner.ts';
export { packageFolder } from './package-folder.ts';
export { codeOf, namesIn, readText, sweepTemporaries, unwritable, writeAtomically } from './write.ts';

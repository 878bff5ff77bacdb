/** @file What --labels says of itself; apart from its reader, so that help loads no more than words. */

export const labelsHelp =
  'names of the classes: a file with one a line or a JSON list, or imagenet for the 1000 of ImageNet';

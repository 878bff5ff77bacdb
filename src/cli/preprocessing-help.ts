/** @file The help of --preprocessing, in a file of its own, so that reading the command loads little. */
export const preprocessingHelp =
  'how pictures become the input, as JSON or a JSON file with some of range, mean, std, channels, interpolation, crop, cropMode, such as \'{"mean":[0,0,0],"std":[1,1,1]}\'; it goes on the card (default: what the file or its library says)';

/** @file The version of this package, which exported files carry; a test holds it to package.json. */

export const version = '0.2.0';

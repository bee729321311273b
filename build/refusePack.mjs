// Runs before `npm pack` and `npm publish` in the checkout, whose manifest is the extension's: see npmPackage.ts.
console.error('The npm package is not made from the checkout: "npm run package" lays it out in out/npm, then "npm pack ./out/npm".');
process.exit(1);

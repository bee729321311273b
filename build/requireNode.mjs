// Runs before every script that needs it, in syntax that old versions of Node understand: the scripts and the tests are TypeScript,
// which Node reads as it is from 22.18 on. On Linux `npm ci` brings Node 24 along and npm finds it first; elsewhere the
// Node on the PATH is used.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Quotient's scripts need Node 24 (22.18 at least); this is ${process.versions.node} on ${process.platform}-${process.arch}.\n` +
      'On Linux run "npm ci" first: it installs Node 24 from the npm registry, for the scripts alone.\n' +
      'Elsewhere install Node 24, put it first on the PATH and run the command again.',
  );
  process.exit(1);
}

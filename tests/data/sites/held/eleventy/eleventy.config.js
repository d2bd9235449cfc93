// Drafts as Eleventy's documentation has them.
module.exports = function (config) {
  config.addPreprocessor("drafts", "*", (data) => (data.draft ? false : undefined));
  config.ignores.add("README.md");
  return { dir: { input: ".", output: process.env.OUT } };
};

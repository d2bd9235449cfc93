module.exports = { draft: true };

export default function (eleventyConfig) {
	// The posts, newest first.
	eleventyConfig.addCollection("posts", (api) => api.getFilteredByGlob("content/blog/**/*.md"));
	return { dir: { input: "content", output: "_site" } };
}

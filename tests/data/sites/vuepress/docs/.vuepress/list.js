/** A theme that only prints the pages. */
export default () => ({
  name: 'list',
  onInitialized(app) {
    for (const { path, frontmatter, title } of app.pages) {
      if (frontmatter.date) console.log(['', `/docs${decodeURI(path)}`, new Date(frontmatter.date).toISOString(), title].join('\t'))
    }
  },
})

// Prints the entries that npm's rss-parser reads in RSS and Atom, one per line as JSON, so that `readers.py` can compare them.
// The working folder must have rss-parser in its node_modules.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "x.js"));
const Parser = require("rss-parser");

for (const file of process.argv.slice(2)) {
  const feed = await new Parser().parseString(readFileSync(file, "utf8"));
  for (const item of feed.items) {
    console.log(JSON.stringify({
      file,
      id: item.guid ?? item.id,
      title: item.title,
      link: item.link,
      // `isoDate` is Atom's `updated` if there is one; `pubDate` is the publication.
      date: Math.floor(Date.parse(item.pubDate) / 1000),
      content: item["content:encoded"] ?? item.content,
    }));
  }
}

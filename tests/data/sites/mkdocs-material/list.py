"""Prints what the blog plugin publishes."""


def on_page_context(context, page, config, nav):
    date = getattr(getattr(page, "config", None), "date", None)
    if date:
        line = "/".join(["", "docs", page.url])
        print("\t".join([line, date["created"].isoformat(), str(page.title)]))

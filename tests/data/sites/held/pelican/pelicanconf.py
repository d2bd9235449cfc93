AUTHOR = "K"
SITENAME = "What a Pelican site holds back"
SITEURL = "https://pelican.example"
TIMEZONE = "UTC"
DEFAULT_LANG = "en"
PATH = "content"
# Nothing is published that does not say so.
DEFAULT_METADATA = {
    "status": "published",
}
PATH_METADATA = r"(?P<status>draft|hidden)s?/(?P<category>[^/]+)/.*"
FILENAME_METADATA = r"(?P<date>\d{4}-\d{2}-\d{2})(?:-(?P<status>draft))?-(?P<slug>.*)"
EXTRA_PATH_METADATA = {
    "open": {"status": "published"},
    "open/closed": {"status": "draft"},
    "open/one.md": {"status": "hidden"},
}
ARTICLE_EXCLUDES = ["left-out"]
IGNORE_FILES = [".#*", "__*", "*.tmp.md"]
FEED_ALL_ATOM = "all.atom.xml"

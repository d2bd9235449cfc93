# -*- coding: utf-8 -*-
BLOG_AUTHOR = "Your Name"  # (translatable)
BLOG_TITLE = "Nikola Site"  # (translatable)
SITE_URL = "https://nikola.example/"
BLOG_EMAIL = "n.tesla@example.com"
BLOG_DESCRIPTION = "This is a demo site for Nikola."  # (translatable)
DEFAULT_LANG = "en"
TIMEZONE = "Asia/Seoul"
POSTS = (
    ("posts/*.md", "posts", "post.tmpl"),
)
PAGES = ()
COMPILERS = {"markdown": [".md"]}
PRETTY_URLS = True

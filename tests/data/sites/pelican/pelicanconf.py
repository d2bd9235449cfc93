import os

SITENAME = '펠리컨'
SITEURL = 'https://pelican.example'
AUTHOR = u'Kim'
TIMEZONE = 'Asia/Seoul'
DEFAULT_LANG = 'ko'
PATH = 'content'
ARTICLE_URL = 'posts/{date:%Y}/{date:%m}/{slug}/'
THEME = os.path.join('themes', 'a')

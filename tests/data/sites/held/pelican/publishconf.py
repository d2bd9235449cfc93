import os
import sys

sys.path.append(os.curdir)
from pelicanconf import *

DEFAULT_METADATA = (
    ("status", "draft"),  # what is not ready does not go on the air
    ("colour", "red"),
)

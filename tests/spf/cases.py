"""The test suite of RFC 7208, which the source archive of PyPI's pyspf contains, as JSON.

    pip download --no-deps --no-binary :all: pyspf
    python cases.py pyspf-*.tar.gz >cases.json
"""

import json
import sys
import tarfile

import yaml

with tarfile.open(sys.argv[1]) as archive:
    name = next(name for name in archive.getnames() if name.endswith("/rfc7208-tests.yml"))
    scenarios = [each for each in yaml.safe_load_all(archive.extractfile(name)) if each]
json.dump(scenarios, sys.stdout, default=str)

"""One line of an API's access log, in the format that its stage declares."""

import json
import re
from collections.abc import Mapping


def line(template: str, said: Mapping[str, object]) -> str:
    """Put what was said in the place of each `$context.<name>`; `-` where nothing was."""

    def value(found: re.Match[str]) -> str:
        return json.dumps(str(said.get(found[1], "-")))[1:-1]

    return re.sub(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)*)", value, template)

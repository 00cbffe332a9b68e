"""Which tests need the whole sandbox, and why they are skipped where it cannot stand."""

import pytest

from labclip_lib.course.grader.sandbox import GUARDS, guards

missing = [name for name in GUARDS if name not in guards()]
WHY = f"the sandbox has no guard of {', '.join(missing)} here (no namespaces, or root of a user namespace)"
walled = pytest.mark.skipif(bool(missing), reason=WHY)

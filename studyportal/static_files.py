"""Static files in production: hashed names, compressed copies, cached for ever."""

from typing import ClassVar

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Rewrites `import ... from './x.js'` too, which Django's manifest storage leaves alone unless told."""

    support_js_module_import_aggregation: ClassVar[bool] = True

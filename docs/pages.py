"""The pages of the site: every Markdown file of the repository, under the path that it has there.

So links between pages are the same on the site and in a checkout, and no page is copied.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("*.md", "docs/**/*.md", "examples/*/README.md", "backends/*/README.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the repository's pages in place of those of the folder of the documentation."""
    kept = [file for file in files if file.src_dir != config.docs_dir]  # the theme's
    found = sorted({path.relative_to(ROOT) for pattern in PAGES for path in ROOT.glob(pattern)})
    pages = [File(path.as_posix(), str(ROOT), config.site_dir, config.use_directory_urls) for path in found]
    return Files([*kept, *pages])

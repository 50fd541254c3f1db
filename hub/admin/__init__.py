"""The admin pages: one file per page, templates, static files of our own, texts in Chinese and English."""

"""The pieces of the HTML report: what is drawn, how, and what is said; ``poster.report.html`` joins
them with ``page.html``, ``page.css`` and ``page.js``.
"""

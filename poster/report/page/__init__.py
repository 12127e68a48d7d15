"""The pieces of the HTML report: what is drawn, how, and what is said; ``poster.report.html`` joins
them with the template, the style sheet and the scripts that are here too.
"""

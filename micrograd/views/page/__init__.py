"""The page: one HTML file that plays forward and backward, explains each step, and recomputes when an input moves.

Read in this order:

    javascript   a rule read as JavaScript, so that the page computes new numbers itself
    positions    where each card and edge of the picture stands, for each way in which its boxes can be opened
    contents     the record as short data for the script
    squeeze      the script and the style sheet without comments and spare spaces
    document     the page as the text of one file: `explain(z, "z.html")`

The script is one program in several files, joined in the order of `document.BEFORE` and `document.AFTER`. What it
draws, it draws from the positions and the record, so that it can draw it again with other numbers.
"""

from micrograd.views.page.document import MAX_INLINE, Page, explain, page, save

__all__ = ["MAX_INLINE", "Page", "explain", "page", "save"]

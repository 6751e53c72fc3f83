"""Tables of figures: each unit of a dimension a row, on a page, by the API, as a spreadsheet."""

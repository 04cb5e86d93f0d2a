"""Prints every cell of a workbook as openpyxl reads it: sheet, place, type, value."""

import sys

import openpyxl

for sheet in openpyxl.load_workbook(sys.argv[1]):
    for row in sheet.iter_rows():
        for cell in row:
            if cell.value is not None:
                print(sheet.title, cell.coordinate, cell.data_type, ascii(cell.value), sep="|")

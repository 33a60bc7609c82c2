"""The style sheet of the comparison's page, for screens, light and dark, and for paper."""

COMPARISON_STYLE = """
@page { size: A4; margin: 10mm 12mm; }
:root { --text: #1a1a1a; --soft: #555; --line: #ccc; --ground: #fff; --note: #f4f5f7; color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --soft: #aaa; --line: #4a4a4a; --ground: #1e1e1e; --note: #2b2d31; }
  .chart, .legend svg { filter: brightness(1.35); }
}
* { box-sizing: border-box; }
body { font: 10pt/1.4 "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; color: var(--text);
  background: var(--ground); max-width: 200mm; margin: 6mm auto; padding: 0 4mm; }
header { display: flex; flex-wrap: wrap; gap: 0 6mm; justify-content: space-between; align-items: baseline;
  border-bottom: 1.5pt solid var(--text); }
h1 { font-size: 14pt; margin: 0 0 1mm; } h2 { font-size: 11pt; margin: 5mm 0 1mm; }
.research { margin: 0; font-weight: bold; }
.facts { margin: 2mm 0; color: var(--soft); }
.warning { background: #fff3cd; color: #1a1a1a; border: 1pt solid #b58105; padding: 1.5mm 3mm; margin: 2mm 0;
  font-weight: bold; }
.notes { margin: 2mm 0 3mm; padding: 1.5mm 3mm 1.5mm 7mm; background: var(--note); font-size: 9pt; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 4mm; font-size: 9pt; break-inside: avoid; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.7mm; font-size: 10pt; }
th, td { text-align: right; padding: 0.7mm 2mm; border-bottom: 0.5pt solid var(--line); vertical-align: top; }
th:first-child { text-align: left; padding-left: 0; }
thead th { border-bottom: 1pt solid var(--soft); color: var(--soft); }
tbody th { font-weight: normal; } td { white-space: pre; }
.each td, .each th { padding-left: 1mm; padding-right: 1mm; }
.each td:nth-child(2), .each th:nth-child(2) { white-space: normal; text-align: left; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(78mm, 1fr)); gap: 3mm 5mm; }
figure { margin: 0; break-inside: avoid; } figcaption { font-size: 8.5pt; color: var(--soft); padding-left: 2mm; }
.chart { width: 100%; height: auto; display: block; font-size: 10.5px; }
.chart text { fill: var(--text); font-family: inherit; } .chart .tick, .chart .count { fill: var(--soft); }
.chart .axis { stroke: var(--soft); fill: none; } .chart .grid { stroke: var(--line); stroke-width: 0.5; }
.chart .chance { stroke: var(--soft); stroke-dasharray: 4 4; } .mark { stroke: var(--ground); stroke-width: 0.8; }
.legend { display: flex; flex-wrap: wrap; gap: 1mm 5mm; margin: 1mm 0 2mm; font-size: 9pt; }
.legend span { display: inline-flex; align-items: center; gap: 1.5mm; }
.how { font-size: 8.5pt; color: var(--soft); } .how ul { margin: 1mm 0; padding-left: 5mm; } .how p { margin: 1mm 0; }
details { margin-top: 2mm; font-size: 9pt; } summary { cursor: pointer; }
@media print { body { margin: 0; padding: 0; max-width: none; } }
"""

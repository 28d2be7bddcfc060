// Parses and binds Kusto queries with Microsoft's language service, in one process.
//
//   node bind_queries.cjs FOLDER <asked.json
//
// FOLDER is that of @kusto/language-service-next. asked: {"tables": {table: {column: type}}, "queries": {name: text}}.
// Prints {name: {"errors": [message], "tables": [name], "operators": [kind]}}: the tables that a query reads, and the
// kinds of its nodes that combine tables.
'use strict'

const folder = process.argv[2]
require(`${folder}/bridge.min.js`)
require(`${folder}/Kusto.Language.Bridge.min.js`)

const { tables, queries } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const { KustoCode, GlobalState, Symbols, Syntax } = Kusto.Language

const kinds = Syntax.SyntaxKind
const COMBINING = ['UnionOperator', 'JoinOperator', 'LookupOperator', 'FindOperator', 'SearchOperator', 'EvaluateOperator']

const symbols = Object.entries(tables).map(([name, columns]) => {
  const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`)
  return new Symbols.TableSymbol.$ctor7(name, `(${schema.join(', ')})`, '')
})
const database = new Symbols.DatabaseSymbol.ctor('logs', symbols)
const globals = GlobalState.Default.WithDatabase(database)

function bind(query) {
  const code = KustoCode.ParseAndAnalyze(query, globals)
  const found = { errors: [], tables: new Set(), operators: new Set() }
  const diagnostics = code.GetDiagnostics()
  for (let i = 0; i < diagnostics.Count; i++) {
    const each = diagnostics.getItem(i)
    found.errors.push(`${each.Severity} ${each.Code} at ${each.Start}: ${each.Message}`)
  }
  Syntax.SyntaxElement.WalkNodes(code.Syntax, node => {
    const symbol = node.ReferencedSymbol
    if (symbols.includes(symbol)) found.tables.add(symbol.Name)
    const operator = COMBINING.find(each => kinds[each] === node.Kind)
    if (operator) found.operators.add(operator)
  })
  return { errors: found.errors, tables: [...found.tables].sort(), operators: [...found.operators].sort() }
}

const bound = Object.entries(queries).map(([name, query]) => [name, bind(query)])
process.stdout.write(JSON.stringify(Object.fromEntries(bound)))

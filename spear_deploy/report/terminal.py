def print_report(report, console): console.print_json(data={k:report[k] for k in ("budgets","accuracy","validation","lre","steps")})

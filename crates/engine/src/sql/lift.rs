//! From a planned query with placeholders to a plan that can be run: each call of a compiled function becomes a function
//! operator below the node that calls it, and each table its dataset.
//!
//! ```text
//!   Projection: CASE WHEN m > 0 THEN f(d, m) END        Projection: CASE WHEN m > 0 THEN __sql_0 END
//!     TableScan: trips                            ->      Function: f(__sql_0_0, __sql_0_1) WHEN __sql_0_when AS __sql_0
//!                                                           Projection: *, CASE .. THEN d END AS __sql_0_0, ..
//!                                                             the plan of `trips`
//! ```
//!
//! A call is made for the rows for which plain Python would make it: what stands left of it in an `AND` or `OR`, the
//! conditions of its `CASE` and the earlier arguments of its `COALESCE` become its guard.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinType, Result as DataFusionResult};
use datafusion::logical_expr::expr::{AggregateFunction, Alias, Case, ScalarFunction, WindowFunction};
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Expr, ExprSchemable, Extension, Filter, Join, LogicalPlan, Operator, Projection, Sort,
    SubqueryAlias, Window, lit, when,
};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;

use super::function;
use crate::dataset::{Dataset, OnError, column};
use crate::error::Error;
use crate::failure;
use crate::plan::function::{Arguments, Call, FunctionNode, Role};

pub(super) fn lift(plan: LogicalPlan, tables: &BTreeMap<String, Dataset>) -> DataFusionResult<LogicalPlan> {
    let mut lifter = Lifter { tables, next: 0 };
    Ok(plan.transform_up_with_subqueries(|node| lifter.node(node).map(Transformed::yes))?.data)
}

struct Lifter<'a> {
    tables: &'a BTreeMap<String, Dataset>,
    /// Calls lifted so far: no two get the same names.
    next: usize,
}

impl Lifter<'_> {
    fn node(&mut self, node: LogicalPlan) -> DataFusionResult<LogicalPlan> {
        let node = match node {
            LogicalPlan::TableScan(scan) => {
                let Some(table) = self.tables.get(scan.table_name.table()) else {
                    return Ok(LogicalPlan::TableScan(scan));
                };
                let plan = SubqueryAlias::try_new(Arc::new(table.plan().clone()), scan.table_name)?;
                return Ok(LogicalPlan::SubqueryAlias(plan));
            }
            // Where a call of an input was guarded, its result may have become nullable.
            other => other.recompute_schema()?,
        };
        if let LogicalPlan::Join(join) = node {
            return self.join(join);
        }
        match node.expressions().iter().find_map(first_call) {
            None => Ok(node),
            Some(name) => self.with_calls(node, &name),
        }
    }

    fn with_calls(&mut self, node: LogicalPlan, name: &str) -> DataFusionResult<LogicalPlan> {
        Ok(match node {
            LogicalPlan::Projection(node) => {
                let mut below = Below::new(node.input, &mut self.next);
                let exprs = below.named(node.expr)?;
                LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(below.plan))?)
            }
            LogicalPlan::Filter(node) => self.filter(node)?,
            LogicalPlan::Aggregate(node) => {
                let grouping = |expr: &Expr| matches!(expr, Expr::GroupingSet(_)) && first_call(expr).is_some();
                if node.group_expr.iter().any(grouping) {
                    return Err(refused(name, "a `GROUPING SETS`, `ROLLUP` or `CUBE`"));
                }
                let mut below = Below::new(node.input, &mut self.next);
                let (group, aggregates) = (below.named(node.group_expr)?, below.named(node.aggr_expr)?);
                LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(below.plan), group, aggregates)?)
            }
            LogicalPlan::Window(node) => {
                let columns = columns_of(&LogicalPlan::Window(node.clone()));
                let mut below = Below::new(node.input, &mut self.next);
                let exprs = below.named(node.window_expr)?;
                project(LogicalPlan::Window(Window::try_new(exprs, Arc::new(below.plan))?), columns)?
            }
            LogicalPlan::Sort(mut node) => {
                let columns = columns_of(&node.input);
                let mut below = Below::new(node.input, &mut self.next);
                for sort in &mut node.expr {
                    sort.expr = below.lift(std::mem::take(&mut sort.expr), None)?;
                }
                let input = Arc::new(below.plan);
                project(LogicalPlan::Sort(Sort { expr: node.expr, input, fetch: node.fetch }), columns)?
            }
            LogicalPlan::Values(_) => return Err(refused(name, "`VALUES`")),
            LogicalPlan::Distinct(_) => return Err(refused(name, "`DISTINCT ON`")),
            LogicalPlan::Limit(_) => return Err(refused(name, "`LIMIT`")),
            other => return Err(refused(name, &format!("`{}`", other.display()))),
        })
    }

    /// A condition is looked at only for rows for which all before it hold.
    fn filter(&mut self, node: Filter) -> DataFusionResult<LogicalPlan> {
        let columns = columns_of(&node.input);
        let mut below = Below::new(node.input, &mut self.next);
        let mut waiting: Vec<Expr> = Vec::new();
        for condition in split_conjunction_owned(node.predicate) {
            if first_call(&condition).is_some() {
                below.keep(waiting.drain(..))?;
                let lifted = below.lift(condition, None)?;
                below.keep([lifted])?;
            } else {
                waiting.push(condition);
            }
        }
        below.keep(waiting)?;
        project(below.plan, columns)
    }

    /// Calls become columns of the side they read. Then the sides change places: DataFusion keeps its left side in memory
    /// and passes the rows of its right side on in order.
    fn join(&mut self, mut join: Join) -> DataFusionResult<LogicalPlan> {
        let columns = columns_of(&LogicalPlan::Join(join.clone()));
        let mut above = Vec::new();
        if let Some(filter) = join.filter.take() {
            let (with_calls, without): (Vec<Expr>, Vec<Expr>) =
                split_conjunction_owned(filter).into_iter().partition(|condition| first_call(condition).is_some());
            let mut kept = without;
            for condition in with_calls {
                match self.key(&mut join, &condition)? {
                    Some(lifted) => kept.push(lifted),
                    // What an inner join asks for may as well be asked after it.
                    None if join.join_type == JoinType::Inner => above.push(condition),
                    None => {
                        let name = first_call(&condition).unwrap_or_default();
                        return Err(refused(&name, "the condition of an outer join that reads both sides"));
                    }
                }
            }
            join.filter = kept.into_iter().reduce(Expr::and);
        }
        let swapped = match join.join_type {
            JoinType::Inner => Some(JoinType::Inner),
            JoinType::Left => Some(JoinType::Right),
            _ => None,
        };
        // A lateral subquery reads the rows of what is left of it.
        let lateral = join.right.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_))))?;
        if let Some(join_type) = swapped.filter(|_| !lateral) {
            let on = join.on.into_iter().map(|(left, right)| (right, left)).collect();
            let (left, right, filter) = (join.right, join.left, join.filter);
            let (constraint, nulls) = (join.join_constraint, join.null_equality);
            join = Join::try_new(left, right, on, filter, join_type, constraint, nulls, join.null_aware)?;
        }
        let joined = LogicalPlan::Join(join).recompute_schema()?;
        match above.into_iter().reduce(Expr::and) {
            None => project(joined, columns),
            Some(predicate) => project(self.filter(Filter::try_new(predicate, Arc::new(joined))?)?, columns),
        }
    }

    /// `left = right` where each side of it reads one side of the join: its calls become columns there.
    fn key(&mut self, join: &mut Join, condition: &Expr) -> DataFusionResult<Option<Expr>> {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else { return Ok(None) };
        let reads_only = |expr: &Expr, plan: &LogicalPlan| {
            let refs = expr.column_refs();
            !refs.is_empty() && refs.into_iter().all(|column| plan.schema().has_column(column))
        };
        let straight = reads_only(left, &join.left) && reads_only(right, &join.right);
        let crossed = reads_only(left, &join.right) && reads_only(right, &join.left);
        if !straight && !crossed {
            return Ok(None);
        }
        let mut lifted = |expr: &Expr, input: &mut Arc<LogicalPlan>| {
            let mut below = Below::new(input.clone(), &mut self.next);
            let lifted = below.lift(expr.clone(), None)?;
            *input = Arc::new(below.plan);
            Ok::<Expr, datafusion::error::DataFusionError>(lifted)
        };
        let (of_left, of_right) = if straight { (left, right) } else { (right, left) };
        let of_left = lifted(of_left, &mut join.left)?;
        Ok(Some(of_left.eq(lifted(of_right, &mut join.right)?)))
    }
}

/// What is true for the rows for which something is evaluated; `None` for all rows.
type Guard = Option<Expr>;

/// The plan below a node, growing by the calls that are lifted out of it.
struct Below<'a> {
    plan: LogicalPlan,
    /// Calls that are columns of the plan already.
    lifted: Vec<Lifted>,
    next: &'a mut usize,
}

struct Lifted {
    call: ScalarFunction,
    guard: Guard,
    column: Expr,
}

impl<'a> Below<'a> {
    fn new(input: Arc<LogicalPlan>, next: &'a mut usize) -> Below<'a> {
        Below { plan: Arc::unwrap_or_clone(input), lifted: Vec::new(), next }
    }

    /// The expressions without calls, each under the name it had.
    fn named(&mut self, exprs: Vec<Expr>) -> DataFusionResult<Vec<Expr>> {
        let one = |expr: Expr| {
            if first_call(&expr).is_none() {
                return Ok(expr);
            }
            if let Expr::Alias(Alias { expr, relation, name, metadata }) = expr {
                let expr = Box::new(self.lift(*expr, None)?);
                return Ok(Expr::Alias(Alias { expr, relation, name, metadata }));
            }
            let name = expr.schema_name().to_string();
            Ok(self.lift(expr, None)?.alias(name))
        };
        exprs.into_iter().map(one).collect()
    }

    /// Only the rows for which these hold.
    fn keep(&mut self, conditions: impl IntoIterator<Item = Expr>) -> DataFusionResult<()> {
        if let Some(predicate) = conditions.into_iter().reduce(Expr::and) {
            let input = Arc::new(std::mem::take(&mut self.plan));
            self.plan = LogicalPlan::Filter(Filter::try_new(predicate, input)?);
        }
        Ok(())
    }

    /// The expression with its calls as columns of the plan. It is looked at where the guard holds.
    fn lift(&mut self, expr: Expr, guard: Guard) -> DataFusionResult<Expr> {
        let Some(name) = first_call(&expr) else { return Ok(expr) };
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let left = self.lift(*left, guard.clone())?;
                let open = match op {
                    Operator::And => left.clone().is_not_false(),
                    _ => left.clone().is_not_true(),
                };
                let right = self.lift(*right, both(guard, open)?)?;
                Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
            }
            Expr::Case(case) => self.case(case, guard)?,
            Expr::ScalarFunction(call) if function::of(&call.func).is_some() => self.call(call, guard)?,
            Expr::ScalarFunction(call) => self.scalar(call, guard, &name)?,
            Expr::AggregateFunction(call) => Expr::AggregateFunction(self.aggregate(call, guard)?),
            Expr::WindowFunction(call) => Expr::WindowFunction(Box::new(self.window(*call, guard)?)),
            Expr::HigherOrderFunction(_) | Expr::Lambda(_) => {
                return Err(refused(&name, "a function of SQL's own `->`"));
            }
            other => other.map_children(|child| self.lift(child, guard.clone()).map(Transformed::yes))?.data,
        })
    }

    fn all(&mut self, exprs: Vec<Expr>, guard: &Guard) -> DataFusionResult<Vec<Expr>> {
        exprs.into_iter().map(|expr| self.lift(expr, guard.clone())).collect()
    }

    fn case(&mut self, case: Case, guard: Guard) -> DataFusionResult<Expr> {
        let operand = case.expr.map(|operand| self.lift(*operand, guard.clone())).transpose()?;
        let mut rest = guard;
        let mut branches = Vec::with_capacity(case.when_then_expr.len());
        for (condition, then) in case.when_then_expr {
            let condition = self.lift(*condition, rest.clone())?;
            let holds = match &operand {
                Some(operand) => operand.clone().eq(condition.clone()),
                None => condition.clone(),
            };
            let then = self.lift(*then, both(rest.clone(), holds.clone().is_true())?)?;
            rest = both(rest, holds.is_not_true())?;
            branches.push((Box::new(condition), Box::new(then)));
        }
        let otherwise = case.else_expr.map(|expr| self.lift(*expr, rest)).transpose()?;
        Ok(Expr::Case(Case::new(operand.map(Box::new), branches, otherwise.map(Box::new))))
    }

    /// A call of one of SQL's own functions.
    fn scalar(&mut self, call: ScalarFunction, guard: Guard, name: &str) -> DataFusionResult<Expr> {
        let lazy = call.func.conditional_arguments(&call.args).map(|(_, lazy)| lazy).unwrap_or_default();
        let args = if matches!(call.func.name(), "coalesce" | "nvl") {
            // An argument is looked at where those before it are null.
            let mut rest = guard;
            let mut args = Vec::with_capacity(call.args.len());
            for arg in call.args {
                let arg = self.lift(arg, rest.clone())?;
                rest = both(rest, arg.clone().is_null())?;
                args.push(arg);
            }
            args
        } else if lazy.into_iter().any(|arg| first_call(arg).is_some()) {
            return Err(refused(name, &format!("an argument that `{}` may leave out", call.func.name())));
        } else {
            self.all(call.args, &guard)?
        };
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(call.func, args)))
    }

    fn aggregate(&mut self, mut call: AggregateFunction, guard: Guard) -> DataFusionResult<AggregateFunction> {
        let (filter, guard) = self.filtered(call.params.filter.take(), guard)?;
        call.params.filter = filter;
        call.params.args = self.all(call.params.args, &guard)?;
        for sort in &mut call.params.order_by {
            sort.expr = self.lift(std::mem::take(&mut sort.expr), guard.clone())?;
        }
        Ok(call)
    }

    fn window(&mut self, mut call: WindowFunction, guard: Guard) -> DataFusionResult<WindowFunction> {
        call.params.partition_by = self.all(call.params.partition_by, &guard)?;
        for sort in &mut call.params.order_by {
            sort.expr = self.lift(std::mem::take(&mut sort.expr), guard.clone())?;
        }
        let (filter, guard) = self.filtered(call.params.filter.take(), guard)?;
        call.params.filter = filter;
        call.params.args = self.all(call.params.args, &guard)?;
        Ok(call)
    }

    /// What an aggregate leaves out by its `FILTER` is not evaluated.
    #[allow(clippy::type_complexity, reason = "a filter as the aggregate holds it, and the guard it makes")]
    fn filtered(&mut self, filter: Option<Box<Expr>>, guard: Guard) -> DataFusionResult<(Option<Box<Expr>>, Guard)> {
        let Some(filter) = filter else { return Ok((None, guard)) };
        let filter = self.lift(*filter, guard.clone())?;
        let guard = both(guard, filter.clone().is_true())?;
        Ok((Some(Box::new(filter)), guard))
    }

    /// The column that holds the results of the call.
    fn call(&mut self, call: ScalarFunction, guard: Guard) -> DataFusionResult<Expr> {
        let Some(placeholder) = function::of(&call.func) else {
            return Err(failure::wrap(Error::engine("a call of no function of ours")));
        };
        let same = |known: &&Lifted| known.call == call && known.guard == guard;
        if let Some(known) = self.lifted.iter().find(same).filter(|_| !call.args.iter().any(Expr::is_volatile)) {
            return Ok(known.column.clone());
        }
        let mut args = Vec::with_capacity(call.args.len());
        let mut fields: Vec<FieldRef> = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            if arg.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(..))))? {
                return Err(refused(placeholder.shown(), "a subquery, with a column of the query around it"));
            }
            // The type that the argument will have, before the analyzer gets to see the plan.
            let arg = arg.clone().rewrite(&mut TypeCoercionRewriter::new(self.plan.schema()))?.data;
            fields.push(arg.to_field(self.plan.schema())?.1);
            args.push(self.lift(arg, guard.clone())?);
        }
        let function = placeholder.compile(&fields).map_err(failure::wrap)?;
        let number = *self.next;
        *self.next += 1;
        let mut columns = columns_of(&self.plan);
        let mut names = Vec::with_capacity(args.len());
        for (index, arg) in args.into_iter().enumerate() {
            let name = format!("__sql_{number}_{index}");
            columns.push(guarded(arg, &guard)?.alias(&name));
            names.push(name);
        }
        let when_name = guard.as_ref().map(|_| format!("__sql_{number}_when"));
        columns.extend(guard.clone().into_iter().zip(&when_name).map(|(guard, name)| guard.alias(name)));
        let input = project(std::mem::take(&mut self.plan), columns)?;
        let output = format!("__sql_{number}");
        let outputs = vec![output.clone()];
        let lifted = Call { function, arguments: Arguments::Values(names), when: when_name, outputs };
        let node = FunctionNode::new(input, vec![lifted], Role::Columns, OnError::Raise).map_err(failure::wrap)?;
        self.plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        self.lifted.push(Lifted { call, guard, column: column(&output) });
        Ok(column(&output))
    }
}

/// The first compiled function that the expression calls, subqueries left out.
fn first_call(expr: &Expr) -> Option<String> {
    let mut name = None;
    let visited = expr.exists(|expr| {
        if let Expr::ScalarFunction(call) = expr {
            name = function::of(&call.func).map(|found| found.shown().to_owned());
        }
        Ok(name.is_some())
    });
    visited.ok().and(name)
}

/// `condition`, looked at only where the guard holds.
fn both(guard: Guard, condition: Expr) -> DataFusionResult<Guard> {
    if condition.is_volatile() {
        // It would be another one below, where the call is made, than above, where its result is used.
        return Err(failure::wrap(Error::plan_hint(
            format!("a function cannot be called depending on `{condition}`, which is another value each time"),
            "compute the condition in a subquery, and use its column",
        )));
    }
    Ok(Some(match guard {
        None => condition,
        Some(guard) => when(guard, condition).otherwise(lit(false))?,
    }))
}

/// The expression where the guard holds; null elsewhere, unless it costs nothing and cannot fail.
fn guarded(expr: Expr, guard: &Guard) -> DataFusionResult<Expr> {
    match (guard, &expr) {
        (None, _) | (_, Expr::Column(_) | Expr::Literal(..)) => Ok(expr),
        (Some(guard), _) => when(guard.clone(), expr).end(),
    }
}

fn columns_of(plan: &LogicalPlan) -> Vec<Expr> {
    plan.schema().iter().map(Expr::from).collect()
}

fn project(plan: LogicalPlan, columns: Vec<Expr>) -> DataFusionResult<LogicalPlan> {
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

fn refused(name: &str, place: &str) -> datafusion::error::DataFusionError {
    failure::wrap(Error::plan_hint(
        format!("`{name}` cannot be called in {place}"),
        "call it in a query of its own, and use its column: `WITH t AS (SELECT f(x) AS y FROM ...) SELECT ... FROM t`",
    ))
}

//! The changes of a collection as an endless table: one row an event, the document's fields as columns of their own.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use mongodb::bson::{Bson, Document, doc};

use super::client::Connected;
use super::command::{Kind, Query};
use crate::error::{Error, Result};

/// The columns of an event: where to go on, what happened, and to which document.
const TOKEN: &str = "_token";
const OPERATION: &str = "_operation";
const KEY: &str = "_key";

/// Where the stream begins: behind the token, or at the server's present time, so that nothing is missed between now and the
/// moment at which the first row is asked for.
pub(super) async fn start(connected: &Connected, query: &Query, after: Option<&str>) -> Result<Document> {
    if let Some(token) = after {
        // Unlike `resumeAfter` it also goes on behind the end of the collection.
        return Ok(doc! { "startAfter": { "_data": token } });
    }
    let database = connected.client.database(&query.database);
    let reply = database.run_command(doc! { "ping": 1 }).await.map_err(|error| connected.servers.explain(&error))?;
    match reply.get("operationTime") {
        // The time is that of the last operation: the stream begins behind it.
        Some(Bson::Timestamp(time)) => {
            let mut next = *time;
            next.increment += 1;
            Ok(doc! { "startAtOperationTime": next })
        }
        _ => Err(Error::engine_hint(
            "changes can only be watched on a replica set or a sharded cluster",
            "start the server with `--replSet`; a set of one member will do",
        )),
    }
}

/// Makes the server send events as flat documents, and gives the columns they have: those of `schema` without `_id`, which is
/// the event's own there, behind the three of the event.
pub(super) fn flatten(query: &mut Query, schema: &Schema) -> Result<SchemaRef> {
    let mut fields = vec![
        Field::new(TOKEN, DataType::Utf8, false),
        Field::new(OPERATION, DataType::Utf8, false),
        // What happens to the collection as a whole has no document.
        schema
            .field_with_name("_id")
            .map_or_else(|_| bson_arrow::schema::raw(KEY), |id| id.clone().with_name(KEY))
            .with_nullable(true),
    ];
    let mut project = doc! { TOKEN: "$_id._data", OPERATION: "$operationType", KEY: "$documentKey._id" };
    for field in schema.fields() {
        let name = field.name();
        if name == "_id" {
            continue;
        }
        if project.contains_key(name) || name.is_empty() || name.contains(['.', '$', '\0']) {
            return Err(Error::plan_hint(
                format!("the field `{name}` cannot be a column of a stream of changes"),
                "leave it out with `schema=`",
            ));
        }
        project.insert(name, format!("$fullDocument.{name}"));
        // What was deleted has no fields.
        fields.push(field.as_ref().clone().with_nullable(true));
    }
    if let Kind::Changes { pipeline } = &mut query.kind {
        pipeline.push(doc! { "$project": project });
    }
    Ok(Arc::new(Schema::new(fields)))
}

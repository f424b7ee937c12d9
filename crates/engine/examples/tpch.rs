//! Data of TPC-H for the benchmarks: `tpch FILE SCALE` writes the columns of `lineitem` that queries 1 and 6 read, as
//! Parquet. Money and rates are floats and dates days since 1970, which is what functions over them compute with.

use std::error::Error;
use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Builder, Int32Builder, RecordBatch, StringBuilder};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::properties::WriterProperties;
use tpchgen::distribution::Distributions;
use tpchgen::generators::{LineItem, LineItemGenerator};
use tpchgen::text::TextPool;

const BATCH_ROWS: usize = 64 * 1024;
/// A part of a plan reads whole row groups: there should be more of them than parts.
const GROUP_ROWS: usize = 256 * 1024;
/// Comments are not written, so what they are made of may be small.
const TEXT_BYTES: i32 = 64 * 1024;

#[derive(Default)]
struct Columns {
    quantity: Float64Builder,
    price: Float64Builder,
    discount: Float64Builder,
    tax: Float64Builder,
    flag: StringBuilder,
    status: StringBuilder,
    shipped: Int32Builder,
    rows: usize,
}

impl Columns {
    fn add(&mut self, item: &LineItem<'_>) {
        self.quantity.append_value(item.l_quantity as f64);
        self.price.append_value(item.l_extendedprice.as_f64());
        self.discount.append_value(item.l_discount.as_f64());
        self.tax.append_value(item.l_tax.as_f64());
        self.flag.append_value(item.l_returnflag);
        self.status.append_value(item.l_linestatus);
        self.shipped.append_value(item.l_shipdate.to_unix_epoch());
        self.rows += 1;
    }

    fn finish(&mut self) -> Result<RecordBatch, Box<dyn Error>> {
        self.rows = 0;
        let columns: [(&str, ArrayRef); 7] = [
            ("quantity", Arc::new(self.quantity.finish())),
            ("price", Arc::new(self.price.finish())),
            ("discount", Arc::new(self.discount.finish())),
            ("tax", Arc::new(self.tax.finish())),
            ("flag", Arc::new(self.flag.finish())),
            ("status", Arc::new(self.status.finish())),
            ("shipped", Arc::new(self.shipped.finish())),
        ];
        Ok(RecordBatch::try_from_iter(columns.map(|(name, column)| (name, column)))?)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, scale] = arguments.as_slice() else { return Err("tpch FILE SCALE".into()) };
    let distributions = Distributions::static_default();
    let texts = TextPool::new(TEXT_BYTES, distributions);
    let items = LineItemGenerator::new_with_distributions_and_text_pool(scale.parse()?, 1, 1, distributions, &texts);
    let mut columns = Columns::default();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .build();
    let empty = columns.finish()?;
    let mut writer = ArrowWriter::try_new(File::create(path)?, empty.schema(), Some(properties))?;
    for item in items.iter() {
        columns.add(&item);
        if columns.rows == BATCH_ROWS {
            writer.write(&columns.finish()?)?;
        }
    }
    writer.write(&columns.finish()?)?;
    let written = writer.close()?;
    println!("{}", written.file_metadata().num_rows());
    Ok(())
}

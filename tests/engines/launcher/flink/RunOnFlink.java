package engines;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.apache.beam.runners.flink.FlinkBatchPortablePipelineTranslator;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.fnexecution.provisioning.JobInfo;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.metrics.MetricsEnvironment;
import org.apache.beam.sdk.util.construction.PipelineOptionsTranslation;
import org.apache.beam.vendor.grpc.v1p69p0.com.google.protobuf.Struct;
import org.apache.beam.vendor.grpc.v1p69p0.com.google.protobuf.util.JsonFormat;

/** Runs the batch pipeline that tests/engines/flink/job_server.py put into this jar, by Beam's Flink runner. */
public final class RunOnFlink {
  private static final String FOLDER = "BEAM-PIPELINE/pipeline/";

  public static void main(String[] args) throws Exception {
    RunnerApi.Pipeline.Builder pipeline = RunnerApi.Pipeline.newBuilder();
    JsonFormat.parser().ignoringUnknownFields().merge(resource("pipeline.json"), pipeline);
    Struct.Builder given = Struct.newBuilder();
    JsonFormat.parser().merge(resource("pipeline-options.json"), given);

    FlinkPipelineOptions options =
        PipelineOptionsTranslation.fromProto(given.build()).as(FlinkPipelineOptions.class);
    // The name of a Python runner means no class here.
    options.setRunner(null);
    FileSystems.setDefaultPipelineOptions(options);
    MetricsEnvironment.setMetricsSupported(false);

    String name = options.getJobName();
    JobInfo job = JobInfo.create(name, name, "", PipelineOptionsTranslation.toProto(options));
    FlinkBatchPortablePipelineTranslator translator =
        FlinkBatchPortablePipelineTranslator.createTranslator();
    translator
        .translate(
            translator.createTranslationContext(job, options, null, List.of()),
            translator.prepareForTranslation(pipeline.build()))
        .execute(name);
  }

  private static String resource(String name) throws IOException {
    ClassLoader loader = RunOnFlink.class.getClassLoader();
    try (InputStream stream = loader.getResourceAsStream(FOLDER + name)) {
      if (stream == null) {
        throw new FileNotFoundException("the jar has no " + FOLDER + name);
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
